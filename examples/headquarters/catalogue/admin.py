"""The catalogue in the admin, to look at what the demo did."""

from django.contrib import admin

from catalogue.models import Category, Product, Supplier, Tag

admin.site.register([Supplier, Category, Tag])


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    list_display = ("sku", "name", "price", "stock", "supplier", "category", "active")
    list_select_related = ("supplier", "category")
    list_filter = ("active", "tags")
    search_fields = ("sku", "name")
    raw_id_fields = ("supplier", "category")
    show_full_result_count = False
